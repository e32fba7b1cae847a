//! The plans of hot lists, as the API's login gets them: no list reads a whole table of thousands of rows.

use super::CONTACTS;
use crate::lists::Hot;

#[tokio::test]
async fn no_hot_list_reads_the_whole_table() {
    let hot = Hot {
        table: "tenon.contacts",
        path: CONTACTS,
        insert: "insert into tenon.contacts (tenant_id, id, name, email, email_key, lifecycle, external_id, created_at, created_by,
                                             updated_at, updated_by)
                 select $1, gen_random_uuid(), 'Contact ' || n, 'c' || n || '@example.com', 'c' || n || '@example.com',
                        case when n % 100 = 0 then 'client' else 'lead' end, 'crm-' || n, now() - n * interval '1 minute',
                        'system', now() - n * interval '1 minute', 'system'
                 from generate_series(1, $2) n",
        queries: &[
            "count=none",
            "sort=updatedAt&deleted=include&updatedSince={since}",
            "lifecycle=client",
            "email=C77%40example.com",
            "externalId=crm-77",
            "q=c19999%40exam",
            "filter=name%20contains%20%22act%2019999%22",
            "filter=externalId%20startsWith%20%22crm-1999%22",
            "filter=email%20in%20(c1%40example.com,c2%40example.com)%20and%20not%20lifecycle%20%3D%20client",
        ],
        sorts: &["-createdAt", "name", "-updatedAt"],
    };
    hot.reads_no_whole_table().await;
}
