//! Exits with 0 if the Vulkan loader is there and finds an adapter. Compiled by `adapter.sh`, without the crate and its
//! dependencies: it runs before they are built.
use std::ffi::{CStr, c_char, c_int, c_void};
use std::process::exit;
use std::ptr::{null, null_mut};

#[link(name = "dl")]
unsafe extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// `VkInstanceCreateInfo` without application, layers and extensions.
#[repr(C)]
struct InstanceInfo {
    structure: c_int,
    next: *const c_void,
    flags: u32,
    application: *const c_void,
    layer_count: u32,
    layers: *const c_void,
    extension_count: u32,
    extensions: *const c_void,
}

type CreateInstance = unsafe extern "C" fn(*const InstanceInfo, *const c_void, *mut *mut c_void) -> c_int;
type EnumerateDevices = unsafe extern "C" fn(*mut c_void, *mut u32, *mut c_void) -> c_int;

fn main() {
    const NOW: c_int = 2;
    const INSTANCE_CREATE_INFO: c_int = 1;
    let info = InstanceInfo {
        structure: INSTANCE_CREATE_INFO,
        next: null(),
        flags: 0,
        application: null(),
        layer_count: 0,
        layers: null(),
        extension_count: 0,
        extensions: null(),
    };
    let (mut instance, mut count) = (null_mut(), 0);
    // SAFETY: the names, types and the structure are those of the Vulkan 1.0 specification.
    unsafe {
        let library = dlopen(c"libvulkan.so.1".as_ptr(), NOW);
        if library.is_null() {
            exit(1);
        }
        let symbol = |name: &CStr| {
            let address = dlsym(library, name.as_ptr());
            if address.is_null() { exit(1) } else { address }
        };
        let create: CreateInstance = std::mem::transmute(symbol(c"vkCreateInstance"));
        let enumerate: EnumerateDevices = std::mem::transmute(symbol(c"vkEnumeratePhysicalDevices"));
        if create(&info, null(), &mut instance) != 0 || enumerate(instance, &mut count, null_mut()) != 0 {
            exit(1);
        }
    }
    exit(if count > 0 { 0 } else { 1 });
}
